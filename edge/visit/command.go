package visit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// mostLine is how long a line may be that is said to a command, in bytes.
const mostLine = 2000

// find gives the command that words begin with, which is one of one or two words, and what follows it.
func (d *Desk) find(words []string) (*Command, []string) {
	for n := min(2, len(words)); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		if i := slices.IndexFunc(d.o.Commands, func(c Command) bool { return c.Name == name }); i >= 0 {
			return &d.o.Commands[i], words[n:]
		}
	}
	return nil, nil
}

// do does what a line says. in is what is said to it.
func (d *Desk) do(ctx context.Context, a *answering, line string, in io.Reader, out io.Writer) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		words = []string{"help"}
	}
	c, args := d.find(words)
	switch {
	case c == nil && words[0] != "help":
		if err := a.note(fmt.Sprintf("refused: %.100q", line)); err != nil {
			return err
		}
		return fmt.Errorf("there is no command %.60q; 'help' lists them", words[0])
	case c != nil && c.Named && !a.grant.Names(c.Name):
		if err := a.note(fmt.Sprintf("refused: %.100q, which the grant does not name", line)); err != nil {
			return err
		}
		return fmt.Errorf("the grant does not name %q", c.Name)
	}
	if err := a.note(strings.Join(words, " ")); err != nil {
		return err
	}
	to := &limited{out, mostOut}
	if c == nil {
		for _, c := range d.o.Commands {
			if c.Named && !a.grant.Names(c.Name) {
				continue
			}
			if _, err := fmt.Fprintf(to, "%-10s %s\n", c.Name, c.Help); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Talk != nil {
		return c.Talk(ctx, a.lines(c.Name, in), to)
	}
	ctx, cancel := context.WithTimeout(ctx, doneIn)
	defer cancel()
	return c.Run(ctx, args, to)
}

var errLine = errors.New("a line is longer than it may be")

// lines gives line after line of what is said to a command, each after it was written down at both ends. The error is io.EOF at the end.
func (a *answering) lines(name string, in io.Reader) func() (string, error) {
	r := bufio.NewReaderSize(in, mostLine+1)
	return func() (string, error) {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return "", errLine
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return "", err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if err := a.note(fmt.Sprintf("%s: %.900q", name, text)); err != nil {
			return "", err
		}
		return text, nil
	}
}

// JSON is a command that shows a value.
func JSON(name, help string, f func() any) Command {
	return Command{Name: name, Help: help, Run: func(_ context.Context, _ []string, out io.Writer) error { return encodeJSON(out, f()) }}
}
