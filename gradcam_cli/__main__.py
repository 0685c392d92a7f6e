"""`python -m gradcam_cli`, the same as `gradcam`."""

from gradcam_cli.cli import main

if __name__ == "__main__":
    main()
