"""The command line: `python -m keras_seq VERB [options]`."""

import os
import sys
import tempfile

# Before TensorFlow is imported: its start-up notes are no news to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb. Returns the exit status: 0, 1 for a refusal, 2 for words that are no verb."""
    sys.stderr.flush()
    screen = os.dup(2)
    # Some notes come from C++ before any log level holds: they are held back, unless this fails.
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            from keras_seq.command_line import main as commands
        except BaseException:
            notes.seek(0)
            os.write(screen, notes.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)
    return commands.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
