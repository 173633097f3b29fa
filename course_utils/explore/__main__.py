"""``python -m course_utils.explore``: write the gallery's page and its pictures."""

from course_utils.explore.gallery import write

if __name__ == "__main__":
    write()
