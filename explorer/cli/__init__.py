"""The command line: words in, words or JSON out. Each verb loads only what it needs."""
