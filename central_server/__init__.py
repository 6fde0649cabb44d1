"""Head office: takes in what stores say, keeps it, shows it, and tells stores what they need."""
