package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/client"
)

func newDeadLetters(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "Look at records that were no good, and send them again",
		Long:  "Looks at the records that were no good, and sends them to their sources again.\n" + askHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("dead-letters wants list or replay"))
			}
			return usage(fmt.Errorf("dead-letters wants list or replay, not %q", args[0]))
		},
	}
	cmd.AddCommand(newLetterList(s), newLetterReplay(s))
	return cmd
}

func letterFlags(cmd *cobra.Command, filter *client.LetterFilter) {
	cmd.Flags().StringVar(&filter.Reason, "reason", "", "only letters of this reason")
	cmd.Flags().StringVar(&filter.Source, "source", "", "only letters of this source")
}

func newLetterList(s streams) *cobra.Command {
	var (
		a      *asking
		filter client.LetterFilter
		count  int
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the newest first",
		Long: `Lists records that were no good, the newest first: when they were set aside, their place (PARTITION:OFFSET), why, and where they came from.
` + askHelp,
		Example: `  ruas dead-letters list --reason unknown_type -n 5`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			for letter, err := range c.DeadLetters(cmd.Context(), filter) {
				if err != nil {
					return asked(err)
				}
				if a.json {
					text, err := json.Marshal(letter)
					if err != nil {
						return fmt.Errorf("writing a letter: %w", err)
					}
					fmt.Fprintf(s.out, "%s\n", text)
				} else {
					writeLetter(s, &letter)
				}
				if count--; count == 0 {
					return nil
				}
			}
			return nil
		},
	}
	a = askingFlags(cmd, s)
	letterFlags(cmd, &filter)
	cmd.Flags().IntVarP(&count, "count", "n", 20, "end after so many letters; 0: never")
	return cmd
}

func writeLetter(s streams, l *client.Letter) {
	from := l.Topic
	if l.SourcePartition != nil && l.SourceOffset != nil {
		from = fmt.Sprintf("%s/%d/%d", l.Topic, *l.SourcePartition, *l.SourceOffset)
	}
	fmt.Fprintf(s.out, "%s  %d:%d  %s  from %s", written(l.Time), l.Partition, l.Offset, l.Reason, from)
	if l.ReplayOf != nil {
		fmt.Fprintf(s.out, "  was %d:%d", l.ReplayOf.Partition, l.ReplayOf.Offset)
	}
	if l.NotReplayable != "" {
		fmt.Fprintf(s.out, "  cannot be sent again (%s)", l.NotReplayable)
	}
	if l.Detail != "" {
		fmt.Fprintf(s.out, "\n  %s", l.Detail)
	}
	value := strconv.Quote(l.Value)
	if l.ValueBytes != nil {
		value = fmt.Sprintf("%q", l.ValueBytes)
	} else if strings.IndexFunc(l.Value, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		value = l.Value // nothing in it that a terminal would obey
	}
	if l.Truncated {
		value += fmt.Sprintf(" … (%d bytes)", l.Size)
	}
	fmt.Fprintf(s.out, "\n  %s\n", value)
}

func newLetterReplay(s streams) *cobra.Command {
	var (
		a      *asking
		filter client.LetterFilter
		until  string
	)
	cmd := &cobra.Command{
		Use:   "replay [PARTITION:OFFSET…]",
		Short: "Send dead letters to their sources again",
		Long: `Sends records that were no good to the topics they came from once more: those whose places are named, or those of a reason, of a source, or
from before a time. What is still no good becomes a new letter. What the server remembers to have sent is skipped; beyond that an event that is sent
twice counts once as long as its id is remembered (dedup_window).
` + askHelp,
		Example: `  ruas dead-letters replay 0:17 1:5
  ruas dead-letters replay --reason unknown_type --until 2026-11-21T12:00:00Z`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := momentOf(until)
			if err != nil {
				return usage(err)
			}
			told := filter != client.LetterFilter{} || !before.IsZero()
			places, err := placesOf(args)
			switch {
			case err != nil:
				return usage(err)
			case (len(places) > 0) == told:
				return usage(errors.New("name letters as PARTITION:OFFSET, or tell them by --reason, --source or --until"))
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			var done client.Replayed
			if told {
				done, err = c.ReplayDeadLetters(cmd.Context(), filter, before)
			} else {
				done, err = c.ReplayLetters(cmd.Context(), places...)
			}
			if err != nil && done.Replayed == 0 {
				return asked(err)
			}
			if a.json {
				return errors.Join(writeJSON(s.out, done), asked(err))
			}
			fmt.Fprintf(s.out, "%d sent again", done.Replayed)
			for _, why := range slices.Sorted(maps.Keys(done.Skipped)) {
				fmt.Fprintf(s.out, ", %d not (%s)", done.Skipped[why], why)
			}
			fmt.Fprintln(s.out)
			return asked(err)
		},
	}
	a = askingFlags(cmd, s)
	letterFlags(cmd, &filter)
	cmd.Flags().StringVar(&until, "until", "", "only letters that were set aside before this `time`, as 2026-11-21T12:00:00Z")
	return cmd
}

// momentOf reads a flag that is a time; "": the zero one.
func momentOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is no time with a zone, as 2026-11-21T12:00:00Z", text)
	}
	return t, nil
}

func placesOf(args []string) ([]client.LetterPlace, error) {
	places := make([]client.LetterPlace, len(args))
	for i, arg := range args {
		partition, offset, _ := strings.Cut(arg, ":")
		p, errP := strconv.ParseUint(partition, 10, 31)
		o, errO := strconv.ParseUint(offset, 10, 63)
		if errP != nil || errO != nil {
			return nil, fmt.Errorf("%q is no place of a letter: want PARTITION:OFFSET", arg)
		}
		places[i] = client.LetterPlace{Partition: int32(p), Offset: int64(o)}
	}
	return places, nil
}
