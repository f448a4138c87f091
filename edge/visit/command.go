package visit

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// do does what a line says.
func (d *Desk) do(ctx context.Context, a *answering, line string, out io.Writer) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		words = []string{"help"}
	}
	i := slices.IndexFunc(d.o.Commands, func(c Command) bool { return c.Name == words[0] })
	if i < 0 && words[0] != "help" {
		if err := a.note(fmt.Sprintf("refused: %.100q", line)); err != nil {
			return err
		}
		return fmt.Errorf("there is no command %.60q; 'help' lists them", words[0])
	}
	if err := a.note(strings.Join(words, " ")); err != nil {
		return err
	}
	to := &limited{out, mostOut}
	if i < 0 {
		for _, c := range d.o.Commands {
			if _, err := fmt.Fprintf(to, "%-10s %s\n", c.Name, c.Help); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, doneIn)
	defer cancel()
	return d.o.Commands[i].Run(ctx, words[1:], to)
}

// JSON is a command that shows a value.
func JSON(name, help string, f func() any) Command {
	return Command{Name: name, Help: help, Run: func(_ context.Context, _ []string, out io.Writer) error { return encodeJSON(out, f()) }}
}
