"""How each policy chooses its threshold on given samples, or what these lack. Measures nothing on other samples."""
