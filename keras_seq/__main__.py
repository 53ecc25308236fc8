"""The command line: `python -m keras_seq VERB [options]`."""

import os
import sys

from keras_seq.command_line import quiet

# Before TensorFlow is imported: its start-up notes are no news to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb. Returns the exit status: 0, 1 for a refusal, 2 for words that are no verb."""
    with quiet():
        from keras_seq.command_line import main as commands
    return commands.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
