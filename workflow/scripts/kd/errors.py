"""Errors whose message is meant for the user, and how a script ends on one."""


class UserError(Exception):
    """Something the user can mend: one line naming the key or file, what is wrong, what is allowed."""
