"""The command line: one command, one function call, one printed answer."""
