"""The epoch of what is stored: a number that every change which searches can see makes larger, in its transaction.

A cached answer belongs to the epoch that was read before its search. What is found later can only be newer than that,
and whoever reads the same epoch afterwards knows that nothing has changed since.
"""

from ai_stack.aidb.database import Connection, Database


async def read_epoch(database: Database) -> int:
    """Return the epoch now.

    Raises:
        DependencyError: PostgreSQL failed.
    """
    rows = await database.fetch("SELECT epoch FROM search_epoch")
    epoch: int = rows[0][0]
    return epoch


async def next_epoch(connection: Connection) -> None:
    """Begin a new epoch with the commit of this transaction. It is the last thing that the transaction does.

    All who change something take this row's lock after all others, so that nobody waits for it long and none for ever.
    """
    await connection.fetch("UPDATE search_epoch SET epoch = epoch + 1")
