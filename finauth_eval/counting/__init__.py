"""What samples are counted into: classes and scores, who they belong to, and it adds up."""
