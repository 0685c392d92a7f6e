"""`gradcam completion`: the script that makes a shell complete the command line."""

from __future__ import annotations

import click

from gradcam_cli.cli.options import debug_option

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="""\b
    Examples:
      eval "$(gradcam completion bash)"     # in ~/.bashrc
      eval "$(gradcam completion zsh)"      # in ~/.zshrc, after compinit
      gradcam completion fish > ~/.config/fish/completions/gradcam.fish
    """
)
@click.argument("shell", type=click.Choice(SHELLS))
@debug_option
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, models, classes, layers and files."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # Click has the three of SHELLS
    script = kind(context.find_root().command, {}, "gradcam", "_GRADCAM_COMPLETE").source()
    click.echo(script, nl=False)
