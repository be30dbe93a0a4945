"""``python -m monitoring.dashboards``: write the committed JSON."""

from monitoring.dashboards import files

if __name__ == "__main__":
    for path in files.write():
        print(path)
