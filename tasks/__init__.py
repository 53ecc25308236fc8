"""Tasks: whole jobs on keras_seq's public interface, run as `python -m tasks TASK VERB`."""
