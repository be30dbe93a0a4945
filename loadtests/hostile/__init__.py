"""Files and bodies that cost a decoder more than their size suggests; never committed."""
