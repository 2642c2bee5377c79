"""What a scheduled run is held against: rules, and the tests behind them."""
