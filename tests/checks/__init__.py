"""What Home Assistant, HACS and the quality scale ask of an integration, as checks of its files.

Each check takes the files and yields one line for each thing that is wrong, so that it can be tried on a broken copy.
"""
