"""The customers of Wachat, and which instance is whose."""

import hashlib
import re
import string

from .wachat_instance import Account, WachatInstance, WachatOptions
from .world import World

# The eight characters in the final names of the examples are a time in milliseconds, to
# the base of 36. A fixed beginning makes the pre-made instance the same at every start.
_FIRST_STAMP = int("mq9r2jov", 36)
_STAMP_STEP = 61_803_398
_BASE_36 = string.digits + string.ascii_lowercase


class Accounts:
    """All accounts, by key, and all instances, by final name."""

    def __init__(self, world: World) -> None:
        """Begin with one account, which is the same at every start."""
        self._world = world
        self._accounts: dict[str, Account] = {}
        self._instances: dict[str, WachatInstance] = {}
        # Deleted ones count: no number and no name comes twice.
        self._made = 0
        self.first = self.with_key(_first_key())

    def find(self, key: str) -> Account | None:
        """Return the account with this key, if there is one."""
        return self._accounts.get(key)

    def with_key(self, key: str) -> Account:
        """Return the account with this key, making it if need be."""
        if key not in self._accounts:
            self._accounts[key] = Account(len(self._accounts) + 1, key)
        return self._accounts[key]

    def instance(self, account: Account, name: str) -> WachatInstance | None:
        """Return an instance; the friendly name is none, nor is that of somebody else's."""
        instance = self._instances.get(name)
        return instance if instance is not None and instance.account == account else None

    def instances_of(self, account: Account) -> list[WachatInstance]:
        """Return all instances of an account, oldest first."""
        return [instance for instance in self._instances.values() if instance.account == account]

    def subscriptions_of(self, account: Account) -> set[str]:
        """Return how things are with the account's subscription."""
        return {instance.options.subscription for instance in self.instances_of(account)}

    def masks_secrets(self, account: Account) -> bool:
        """Say whether not even a new webhook's secret is shown."""
        return any(instance.options.new_secret == "masked" for instance in self.instances_of(account))

    def add(
        self,
        account: Account,
        options: WachatOptions,
        number: str | None = None,
        name: str | None = None,
    ) -> WachatInstance:
        """Make an instance; what is not given is made up.

        Raises:
            ValueError: The final name is taken.

        """
        if not options.display_name:
            options.display_name = f"Phone {self._made + 1}" if self._made else "Living room"
        name = name or self._final_name(account, options.display_name)
        if name in self._instances:
            msg = f"The id {name!r} is taken"
            raise ValueError(msg)
        self._made += 1
        phone = self._world.phone
        instance = WachatInstance(self._world, account, self._made, name, number or phone.free_number(), options)
        self._instances[name] = instance
        phone.instances.append(instance)
        return instance

    def remove(self, instance: WachatInstance) -> None:
        """Delete an instance, and what was to be told of it."""
        webhooks = instance.account.webhooks
        webhooks[:] = [webhook for webhook in webhooks if webhook.instance is not instance]
        del self._instances[instance.id]
        self._world.phone.instances.remove(instance)

    def _final_name(self, account: Account, display_name: str) -> str:
        """Return a name as in `t1_mq9r2jov_living_room`."""
        stamp, letters = _FIRST_STAMP + self._made * _STAMP_STEP, ""
        while stamp:
            stamp, rest = divmod(stamp, len(_BASE_36))
            letters = _BASE_36[rest] + letters
        words = re.sub(r"[^a-z0-9-]+", "_", display_name.lower()).strip("_")
        return f"t{account.number}_{letters}_{words or 'instance'}"


def _first_key() -> str:
    """Return a key; the shape of the vendor's is not documented."""
    return hashlib.sha256(b"the first account at Wachat").hexdigest()[:48]
