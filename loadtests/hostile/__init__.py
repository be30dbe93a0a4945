"""Files and bodies that cost a decoder more than their size suggests; never committed."""

from loadtests.hostile.bodies import hostile_bodies
from loadtests.hostile.files import hostile_files, phone_photograph

__all__ = ["hostile_bodies", "hostile_files", "phone_photograph"]
