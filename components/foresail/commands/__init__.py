"""The commands of `foresail`, one thin module each."""
