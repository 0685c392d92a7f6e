"""`gradcam completion`: the script that makes a shell complete the command line."""

from __future__ import annotations

import click

from gradcam_cli.cli.commands import COMPLETION_VARIABLE
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

    complete_class = get_completion_class(shell)
    assert complete_class is not None  # Click has the three of SHELLS
    script = complete_class(
        context.find_root().command, {}, "gradcam", COMPLETION_VARIABLE
    ).source()
    click.echo(script, nl=False)


def complete_joined_values() -> None:
    """Have each shell complete the value in ``--model=vgg`` as Click does not.

    bash makes three words of it, in which Click does not see the option. zsh and fish make one,
    which zsh would replace by the value alone, and which to fish no value begins with.
    """
    from click.shell_completion import (
        BashComplete,
        CompletionItem,
        FishComplete,
        ShellComplete,
        ZshComplete,
        add_completion_class,
    )

    class JoinedValues(ShellComplete):
        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
            items = super().get_completions([word for word in args if word != "="], incomplete)
            option, equals, _ = incomplete.partition("=")
            for item in items:
                if equals and option.startswith("--") and item.type == "plain":
                    item.value = f"{option}={item.value}"
            return items

    for shell in (BashComplete, ZshComplete, FishComplete):
        add_completion_class(type(shell.__name__, (JoinedValues, shell), {}))
