"""The rules, held against naive models of them: sets of days, dictionaries of instants, plain Python."""
