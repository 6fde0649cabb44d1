"""What can be wrong with a message, drawn as a tree.

ContractError
├── BadMessage      not a message of ours: wrong topic, not zlib, not JSON, wrong shape
│   └── TooLarge    over a limit before or after inflating
├── BadEvent        one event of a good batch cannot be read
└── BadId           a store, epoch, token or currency that is not written as we write it
"""


class ContractError(ValueError):
    """The root of everything this package raises."""


class BadMessage(ContractError):
    """The bytes are not a message of ours; says what was expected."""


class TooLarge(BadMessage):
    """A payload over `PAYLOAD_MAX_BYTES`, or that inflates past `INFLATED_MAX_BYTES`."""


class BadEvent(ContractError):
    """An event that no version of ours can read; the batch around it is fine."""


class BadId(ContractError):
    """A name that is not written as the contract writes it."""
