"""What instructors and maintainers run; students never import it."""
