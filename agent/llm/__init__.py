"""The method's parts with a language model behind them, and the one door to it."""
