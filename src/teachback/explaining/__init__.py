"""From examples to explanations: what a teacher is asked, what is kept, what it costs."""
