"""The comparison page: each module makes what one of its sections lays out."""
