"""The documentation: what the quality scale's docs-* rules ask for is there, by section."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
import re

from tests.checks.actions import described_actions, fields_of
from tests.checks.entities import platforms
from tests.checks.files import Integration

_HEADING = re.compile(r"(#+)\s+(.+?)\s*#*")
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+\.md)")
# The rows of a table of fields, options and the like; and what a device trigger does, without whose it is.
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
_FIELDS = re.compile(r"^\| field \|.*(?:\n\|.*)*", re.MULTILINE)
_FIELD = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
_OF_ENTITY = "{entity_name}: "
# Fewer words explain nothing.
_WORDS = 12

# The steps of the set-up that follow the form of a gateway.
_LATER_STEPS = ("pick_instance", "new_instance", "pair_code")

# What the heading of a section says that answers a rule.
_HEADINGS = {
    "docs-actions": r"\bactions?\b",
    "docs-configuration-parameters": r"\boptions?\b",
    "docs-data-update": r"\bdata\b|\bupdates?\b|\bup to date\b|\basks\b",
    "docs-examples": r"\bexamples?\b|\bblueprints?\b",
    "docs-installation-instructions": r"\binstall",
    "docs-installation-parameters": r"\bset ?up\b|\bsetting up\b",
    "docs-known-limitations": r"\blimit",
    "docs-removal-instructions": r"\bremov|\buninstall",
    "docs-supported-devices": r"\bgateways?\b",
    "docs-supported-functions": r"\bentit",
    "docs-triggers": r"\btriggers?\b",
    "docs-troubleshooting": r"\btrouble|\bproblems?\b|\bwhen something\b",
    "docs-use-cases": r"\buse cases?\b|\bwhat it is for\b|\bideas\b",
}


@dataclass(frozen=True)
class Section:
    """A section with those in it, between two lines; the lead is what stands before the first of those."""

    heading: str
    text: str
    lead: str
    start: int
    end: int

    def encloses(self, other: Section) -> bool:
        """Whether the other one is in this one."""
        return self.start < other.start < self.end


def documentation(integration: Integration) -> str:
    """Return the README and the pages that it leads to."""
    readme = integration.repository / "README.md"
    beginning = readme.read_text()
    pages = [readme.parent / name for name in dict.fromkeys(_LINK.findall(beginning))]
    return "\n".join([beginning, *(page.read_text() for page in pages if page.is_file())])


def sections(text: str) -> Iterator[Section]:
    """Yield every section of a Markdown text."""
    lines = text.splitlines()
    headings: list[tuple[int, int, str]] = []
    is_code = False
    for place, line in enumerate(lines):
        is_code ^= line.lstrip().startswith("```")
        if not is_code and (match := _HEADING.fullmatch(line)):
            headings.append((place, len(match[1]), match[2]))
    for index, (place, level, heading) in enumerate(headings):
        later = headings[index + 1 :]
        end = next((start for start, other, _ in later if other <= level), len(lines))
        lead = lines[place + 1 : later[0][0] if later else None]
        yield Section(heading, "\n".join(lines[place + 1 : end]), "\n".join(lead), place, end)


def _section(rule: str, integration: Integration) -> str:
    """Return what the documentation says about a rule."""
    pattern = re.compile(_HEADINGS[rule], re.IGNORECASE)
    found = list(sections(documentation(integration)))
    # The title stands above everything.
    return "\n".join(section.text for section in found[1:] if pattern.search(section.heading))


def _answered(rule: str, integration: Integration) -> Iterator[str]:
    """There is a section for the rule that says something."""
    if len(_section(rule, integration).split()) < _WORDS:
        yield f"README.md: no section with a heading like /{_HEADINGS[rule]}/ says enough"


def _has(text: str, *names: str) -> bool:
    return any(name.casefold() in text.casefold() for name in names)


def description(integration: Integration) -> Iterator[str]:
    """What it is for, and with what, stands at the very beginning."""
    beginning = documentation(integration).partition("\n## ")[0]
    if len(beginning.split()) < 2 * _WORDS or not all(_has(beginning, word) for word in ("WhatsApp", "gateway")):
        yield "README.md: does not begin with what WhatsApp Link and a gateway are"


def _rows(text: str) -> Iterator[list[str]]:
    """Yield the rows of all tables, cell by cell."""
    for row in _ROW.finditer(text):
        yield [cell.strip() for cell in row[1].split("|")]


def _fields(text: str) -> set[str]:
    """Return what has a row in a table of fields."""
    return {field for table in _FIELDS.findall(text) for field in _FIELD.findall(table)}


def actions(integration: Integration) -> Iterator[str]:
    """Each action has a section, and there each of its fields a row; some that many have are in a table of their own."""
    rule = "docs-actions"
    yield from _answered(rule, integration)
    found = list(sections(documentation(integration)))
    names = described_actions(integration)
    own = {name: section for section in found for name in names if section.heading == f"`whatsapp_link.{name}`"}
    shared = {
        field
        for section in sections(_section(rule, integration))
        if "`" not in section.heading
        for field in _fields(section.lead)
        if sum(field in fields_of(action) for action in names.values()) > 1
    }
    for name, action in names.items():
        if name not in own:
            yield f"README.md: the action {name} has no section"
            continue
        around = [own[name].text, *(section.lead for section in found if section.encloses(own[name]))]
        named = {field for field in shared if any(f"`{field}`" in text for text in around)}
        for field in sorted(fields_of(action).keys() - _fields(own[name].text) - named):
            yield f"README.md: the field {field} of the action {name} is missing"


def triggers(integration: Integration) -> Iterator[str]:
    """Each device trigger is named as it is in the automation editor."""
    rule = "docs-triggers"
    yield from _answered(rule, integration)
    text = _section(rule, integration)
    for key, label in integration.english.get("device_automation", {}).get("trigger_type", {}).items():
        if f"*{label.removeprefix(_OF_ENTITY)}*" not in text:
            yield f"README.md: the device trigger {key} ({label}) is missing"


def options(integration: Integration) -> Iterator[str]:
    """Each option has a row with its name in the dialog."""
    rule = "docs-configuration-parameters"
    yield from _answered(rule, integration)
    named = {row[0] for row in _rows(_section(rule, integration))}
    for step in integration.english.get("options", {}).get("step", {}).values():
        for key, label in step.get("data", {}).items():
            if label not in named:
                yield f"README.md: the option {key} ({label}) is missing in the section on options"


def set_up(integration: Integration) -> Iterator[str]:
    """Each field of a gateway's form and of a recipient's has a row; those of the steps between them are named."""
    rule = "docs-installation-parameters"
    yield from _answered(rule, integration)
    text = _section(rule, integration)
    described: set[tuple[str, str]] = set()
    of = ""
    for gateways_, label, *_ in (row for row in _rows(text) if len(row) > 1):
        # What is left empty is as in the row above.
        of = gateways_ or of
        described |= {(name, label) for name in of.split(", ")}
    steps = integration.english["config"]["step"]
    for key, gateway in steps["user"]["menu_options"].items():
        for part in (steps[key], *steps[key].get("sections", {}).values()):
            for field, label in part.get("data", {}).items():
                if not {(gateway, label), ("all", label)} & described:
                    yield f"README.md: the field {field} ({label}) of {gateway} is missing in the section on the set-up"
    rows = {row[0] for row in _rows(documentation(integration))}
    for kind, flow in integration.english["config_subentries"].items():
        for field, label in flow["step"]["user"]["data"].items():
            if label not in rows:
                yield f"README.md: the field {field} ({label}) of a {kind} is missing"
    for key in _LATER_STEPS:
        for field, label in steps[key]["data"].items():
            if f"*{label}*" not in text:
                yield f"README.md: the field {field} ({label}) of the step {key} is missing in the section on the set-up"


def entities(integration: Integration) -> Iterator[str]:
    """Each entity has a row with its name and its platform; those without a name are named by their platform."""
    rule = "docs-supported-functions"
    yield from _answered(rule, integration)
    named = Counter(
        (kind.partition(",")[0].replace(" ", "_"), name)
        for names, kind, *_ in (row for row in _rows(_section(rule, integration)) if len(row) > 1)
        for name in re.findall(r"\*\*(.+?)\*\*", names) or [""]
    )
    for platform in platforms(integration):
        said = integration.english.get("entity", {}).get(platform)
        wanted = Counter(words["name"] for words in said.values()) if said else Counter([""])
        for name, count in wanted.items():
            if named[platform, name] < count:
                yield f"README.md: the {platform} entity {name} is missing in the section on entities"


def gateways(integration: Integration) -> Iterator[str]:
    """Each gateway is named."""
    rule = "docs-supported-devices"
    yield from _answered(rule, integration)
    text = documentation(integration)
    for name in integration.english["config"]["step"]["user"]["menu_options"].values():
        if not _has(text, name):
            yield f"README.md: the gateway {name} is missing"


def examples(integration: Integration) -> Iterator[str]:
    """There are examples, and each blueprint is offered."""
    yield from _answered("docs-examples", integration)
    text = documentation(integration)
    for path in sorted(integration.repository.glob("blueprints/**/*.yaml")):
        if path.name not in text:
            yield f"README.md: the blueprint {path.name} is missing"


RULES: dict[str, Callable[[Integration], Iterator[str]]] = {
    **{rule: partial(_answered, rule) for rule in _HEADINGS},
    "docs-actions": actions,
    "docs-configuration-parameters": options,
    "docs-examples": examples,
    "docs-high-level-description": description,
    "docs-installation-parameters": set_up,
    "docs-supported-devices": gateways,
    "docs-supported-functions": entities,
    "docs-triggers": triggers,
}
"""What answers each rule about the documentation."""
