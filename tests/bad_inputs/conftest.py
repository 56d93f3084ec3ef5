def pytest_addoption(parser):
    parser.addoption("--rewrite", action="store_true", help="write the table of bad inputs in tests/README.md again")
