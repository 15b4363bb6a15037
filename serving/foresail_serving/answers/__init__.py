"""From a question to an answer: which series, which hours, what is promised of them."""
