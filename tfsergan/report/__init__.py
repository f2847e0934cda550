"""What a run tells: tables, figures and one HTML page. Knows no paper, trains nothing, prints nothing."""
