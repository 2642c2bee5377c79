"""What a person at a terminal sees: results as plain text (``texts``), and how a run goes (``progress``)."""
