package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Severity says how soon somebody has to do something.
type Severity string

// Trouble costs readings or answers now; a risk will, or may.
const (
	Trouble Severity = "trouble"
	Risk    Severity = "risk"
)

// Finding is one thing that is wrong.
type Finding struct {
	Rule     string     `json:"rule" doc:"Which rule found it, for programs" example:"disk-nearly-full"`
	Severity Severity   `json:"severity" enum:"trouble,risk" doc:"trouble: it costs readings or answers now; risk: it will, or may"`
	What     string     `json:"what" doc:"What is wrong, in a sentence"`
	Since    *time.Time `json:"since,omitempty" doc:"Since when, if that is known"`
	Why      string     `json:"why" doc:"Why it matters"`
	Do       string     `json:"do" doc:"What to do"`
	Params   Params     `json:"params,omitempty" doc:"What the sentences have of this installation, by the rule, for who says them in another language: numbers in seconds and bytes, names, errors as they are"`
}

// Params are the parts of sentences that a rule puts in.
type Params map[string]any

// Bounds of what is well.
const (
	clockBound  = 2 * time.Second
	lagBound    = time.Minute
	tickBound   = time.Minute
	aheadBound  = time.Minute
	letterBound = 10 // dead letters an hour
	settleBound = 15 * time.Minute
	markBound   = 10_000 // ranges to be settled again
	tellBound   = 10 * time.Minute
	named       = 3 // examples in a sentence
)

// rules in the order in which findings are told: causes before what follows.
var rules = []func(*Facts) []Finding{
	settings, format, files, disk, limits, busAway, streams, replicas, unsynced, clocks, unanswered, meters, services,
	withoutModule, unowned, uneven, backlogs, lags, ticks, late, deadLetters, settled, messages, sensors, versions,
}

// Examine gives what is wrong, the worst first, nil when nothing is.
func Examine(f Facts) []Finding {
	var out []Finding
	for _, rule := range rules {
		out = append(out, rule(&f)...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(weight(a), weight(b)) })
	return out
}

func weight(f Finding) int {
	if f.Severity == Trouble {
		return 0
	}
	return 1
}

func settled(f *Facts) []Finding {
	s := f.Settled
	switch {
	case s == nil:
		return nil
	case f.At.Sub(s.Until) > s.Usual+settleBound:
		return []Finding{{
			Rule: "settling-behind", Severity: Trouble, Since: &s.Until,
			What:   fmt.Sprintf("Energies are settled up to %s ago; %s is usual.", span(f.At.Sub(s.Until)), span(s.Usual)),
			Why:    "Reports, costs and budgets end there.",
			Do:     "Look for errors of the component settlement in the logs: the database of settled windows or the history may be away, or too slow.",
			Params: Params{"seconds": f.At.Sub(s.Until).Seconds(), "usual": s.Usual.Seconds()},
		}}
	case s.Marks > markBound:
		return []Finding{{
			Rule: "settling-again", Severity: Risk,
			What:   fmt.Sprintf("%d ranges wait to be settled again.", s.Marks),
			Why:    "Late readings, corrections and changes of the model are in no report until then.",
			Do:     "Wait if a file was imported or the model changed a moment ago. Otherwise sensors keep sending late readings: look at their links and clocks.",
			Params: Params{"ranges": s.Marks},
		}}
	}
	return nil
}

func messages(f *Facts) (out []Finding) {
	for _, m := range f.Messages {
		if age := f.At.Sub(m.Oldest); age > tellBound {
			why := ""
			if m.Error != "" {
				why = ": " + m.Error
			}
			out = append(out, Finding{
				Rule: "alerts-untold", Severity: Trouble, Since: &m.Oldest,
				What:   sentence(fmt.Sprintf("%s for %s could not be delivered for %s%s", count(m.Waiting, "message about alerts", "messages about alerts"), m.Sink, span(age), why)),
				Why:    "Nobody is told of what is wrong.",
				Do:     "Mend the sink or its address in the settings; 'POST /api/v1/alerts/sinks/" + m.Sink + "/test' tries it.",
				Params: Params{"sink": m.Sink, "messages": m.Waiting, "seconds": age.Seconds(), "error": m.Error},
			})
		}
	}
	return out
}

func settings(f *Facts) (out []Finding) {
	if e := f.Settings.Error; e != "" {
		out = append(out, Finding{
			Rule: "settings-unusable", Severity: Trouble, What: "The settings cannot be used: " + sentence(e),
			Why: "The program does not start with them.", Do: "Mend what the sentence names; 'wattwerk config' shows every setting there is.",
			Params: Params{"error": e},
		})
	}
	for _, w := range f.Settings.Warnings {
		out = append(out, Finding{
			Rule: "settings-suspicious", Severity: Risk, What: sentence(w),
			Why: "It works, and may not be meant.", Do: "Change the setting, or leave it if it is meant.",
			Params: Params{"warning": sentence(w)},
		})
	}
	return out
}

func format(f *Facts) []Finding {
	m := f.Format
	switch {
	case m == nil:
		return nil
	case m.Error != "":
		return []Finding{{
			Rule: "format-unknown", Severity: Trouble, What: "The data directory does not say in which format it is: " + sentence(m.Error),
			Why: "No version of the program opens it.", Do: "Restore a backup into an empty directory.",
			Params: Params{"error": m.Error},
		}}
	case m.Unfinished:
		return []Finding{{
			Rule: "restore-unfinished", Severity: Trouble, What: "A backup was not restored to its end, so what is in the data directory is not whole.",
			Why: "This program refuses to start on it.", Do: "Restore the backup again; what is there of it is removed first.",
		}}
	case m.Is > m.Knows:
		return []Finding{{
			Rule: "data-newer", Severity: Trouble,
			What: fmt.Sprintf("The data was written by wattwerk %s in format %d; this program reads formats up to %d.", m.Program, m.Is, m.Knows),
			Why:  "This program refuses to start on it.", Do: "Run that version, or restore a backup that was made before the upgrade.",
			Params: Params{"program": m.Program, "format": m.Is, "known": m.Knows},
		}}
	}
	return nil
}

func files(f *Facts) (out []Finding) {
	for _, x := range f.Files {
		if x.Mode&0o077 != 0 {
			out = append(out, Finding{
				Rule: "secret-readable", Severity: Risk, What: fmt.Sprintf("Others than its owner may read %s (mode %04o).", x.Path, x.Mode),
				Why: "There is a secret in it.", Do: "chmod go= " + x.Path,
				Params: Params{"path": x.Path, "mode": fmt.Sprintf("%04o", x.Mode)},
			})
		}
	}
	return out
}

func disk(f *Facts) []Finding {
	d := f.Disk
	switch {
	case d == nil || d.Size <= 0:
		return nil
	case d.Free < d.MinFree:
		return []Finding{{
			Rule: "disk-full", Severity: Trouble,
			What:   fmt.Sprintf("The disk of %s has %s free, and readings are refused below %s.", d.Path, bytes(d.Free), bytes(d.MinFree)),
			Why:    "Senders are told to try again; those without a memory of their own lose readings.",
			Do:     "Make room on the disk; everything goes on by itself. Delete no files below the data directory by hand.",
			Params: Params{"path": d.Path, "free": d.Free, "minFree": d.MinFree},
		}}
	case d.Free < 2*d.MinFree || d.Free*10 < d.Size:
		return []Finding{{
			Rule: "disk-nearly-full", Severity: Risk,
			What:   fmt.Sprintf("The disk of %s has %s of %s free.", d.Path, bytes(d.Free), bytes(d.Size)),
			Why:    fmt.Sprintf("Below %s readings are refused, and merging blocks of the history needs room for a copy.", bytes(d.MinFree)),
			Do:     "Make room, or keep readings for a shorter time (history.retention).",
			Params: Params{"path": d.Path, "free": d.Free, "size": d.Size, "minFree": d.MinFree},
		}}
	}
	return nil
}

func limits(f *Facts) (out []Finding) {
	l := f.Limits
	if l == nil {
		return nil
	}
	switch {
	case l.MaxOpenFiles > 0 && l.OpenFiles*10 > l.MaxOpenFiles*8:
		out = append(out, Finding{
			Rule: "open-files", Severity: Trouble, What: fmt.Sprintf("%d of %d files that may be open are open.", l.OpenFiles, l.MaxOpenFiles),
			Why: "At the limit no connection is accepted and no file of the history opened.", Do: "Raise the limit: LimitNOFILE=65536 in the systemd unit, or ulimit -n.",
			Params: Params{"open": l.OpenFiles, "limit": l.MaxOpenFiles},
		})
	case l.MaxOpenFiles > 0 && l.MaxOpenFiles < 4096:
		out = append(out, Finding{
			Rule: "open-files-limit", Severity: Risk, What: fmt.Sprintf("At most %d files may be open.", l.MaxOpenFiles),
			Why: "The history holds many files open, and every sender is one more.", Do: "Raise the limit: LimitNOFILE=65536 in the systemd unit, or ulimit -n.",
			Params: Params{"limit": l.MaxOpenFiles},
		})
	}
	if l.MaxMemory > 0 && l.Memory*10 > l.MaxMemory*9 {
		out = append(out, Finding{
			Rule: "memory", Severity: Risk, What: fmt.Sprintf("%s of %s of memory are in use.", bytes(int64(l.Memory)), bytes(int64(l.MaxMemory))),
			Why: "At the limit the system ends the process.", Do: "Give it more, run the modules in several processes, or flush more often (history.flush_every).",
			Params: Params{"used": l.Memory, "limit": l.MaxMemory},
		})
	}
	return out
}

func busAway(f *Facts) []Finding {
	b := f.Bus
	switch {
	case b == nil:
		return nil
	case !b.Connected:
		return []Finding{{
			Rule: "bus-away", Severity: Trouble, What: "There is no connection to the bus.",
			Why: "Nothing is taken in, summed or stored until it is back.", Do: "Look whether NATS runs and can be reached from here; the process connects again by itself.",
		}}
	case b.Error != "":
		return []Finding{{
			Rule: "bus-mute", Severity: Trouble, What: "The bus does not answer: " + sentence(b.Error),
			Why: "Without a leader for its streams nothing is stored.", Do: "Look whether more than half of the NATS nodes are up and reach each other.",
			Params: Params{"error": b.Error},
		}}
	case b.Full:
		return []Finding{{
			Rule: "bus-full", Severity: Trouble, What: "Readings are refused for want of room on the disk.",
			Why: "Senders are told to try again.", Do: "Make room on the disk of the bus.",
		}}
	}
	return nil
}

func streams(f *Facts) (out []Finding) {
	if f.Bus == nil {
		return nil
	}
	var headless, away, behind []string
	for _, s := range f.Bus.Streams {
		if s.Clustered && s.Leader == "" {
			headless = append(headless, s.Name)
		}
		for _, r := range s.Followers {
			switch {
			case r.Offline:
				away = append(away, s.Name+" on "+r.Name)
			case !r.Current:
				behind = append(behind, fmt.Sprintf("%s on %s by %d", s.Name, r.Name, r.Behind))
			}
		}
	}
	if len(headless) > 0 {
		out = append(out, Finding{
			Rule: "no-leader", Severity: Trouble, What: "These streams have no leader: " + some(headless) + ".",
			Why: "Nothing is stored in them; what belongs there is refused.", Do: "Bring NATS nodes back until more than half of those that hold them are up.",
			Params: few("streams", headless),
		})
	}
	if len(away) > 0 {
		out = append(out, Finding{
			Rule: "replica-away", Severity: Risk, What: "These copies are on nodes that are away: " + some(away) + ".",
			Why: "One more node less, and nothing is stored there.", Do: "Bring the node back; it catches up by itself.",
			Params: few("copies", away),
		})
	}
	if len(behind) > 0 {
		out = append(out, Finding{
			Rule: "replica-behind", Severity: Risk, What: "These copies are behind: " + some(behind) + ".",
			Why: "Until they have caught up they are no protection.", Do: "Wait some minutes and ask again; if it does not shrink look at that node's disk and network.",
			Params: few("copies", behind),
		})
	}
	return out
}

func replicas(f *Facts) []Finding {
	b := f.Bus
	if b == nil || b.Servers < 3 || b.Replicas >= 3 {
		return nil
	}
	return []Finding{{
		Rule: "one-copy", Severity: Risk, What: fmt.Sprintf("The bus is a cluster of %d nodes, and every stream has %d copy.", b.Servers, b.Replicas),
		Why: "When the node that has it is away its partitions stand still; when its disk is gone so is what was in them.", Do: "Set bus.replicas to 3 in every process.",
		Params: Params{"nodes": b.Servers, "copies": b.Replicas},
	}}
}

func unsynced(f *Facts) []Finding {
	if b := f.Bus; b == nil || b.External || b.Sync {
		return nil
	}
	return []Finding{{
		Rule: "bus-unsynced", Severity: Risk, What: "Readings are accepted before they are on the disk (bus.sync is off).",
		Why: "A power cut loses what was accepted in the last seconds.", Do: "Switch bus.sync on, unless losing some seconds does not matter.",
	}}
}

func clocks(f *Facts) []Finding {
	b := f.Bus
	if b == nil || b.ClockAhead.Abs() < clockBound {
		return nil
	}
	side := "ahead of"
	if b.ClockAhead < 0 {
		side = "behind"
	}
	return []Finding{{
		Rule: "clocks-apart", Severity: Risk, What: fmt.Sprintf("The clock of this machine is %s %s that of the bus.", span(b.ClockAhead.Abs()), side),
		Why: "Readings without a time get a wrong one, and changes of the model come into force early or late.", Do: "Run a time service (chrony, systemd-timesyncd) on both machines.",
		Params: Params{"seconds": b.ClockAhead.Seconds()},
	}}
}

func unanswered(f *Facts) (out []Finding) {
	for _, u := range f.Unanswered {
		out = append(out, Finding{
			Rule: "unanswered", Severity: Trouble, What: fmt.Sprintf("%s does not answer: %s", upper(u.What), sentence(u.Error)),
			Why: "What needs it fails or waits until it is back; the bus keeps what cannot be stored.", Do: "Look whether it runs and can be reached from here.",
			Params: Params{"what": u.What, "error": u.Error},
		})
	}
	return out
}

func meters(f *Facts) (out []Finding) {
	for _, m := range f.Meters {
		out = append(out, Finding{
			Rule: "meter-unreadable", Severity: Trouble, Since: &m.Since,
			What:   fmt.Sprintf("Meter %s at %s cannot be read: %s", m.Name, m.Address, sentence(m.Why)),
			Why:    "Its sensors are silent. Counters bridge the gap in energy once they are read again; power does not.",
			Do:     "Look at the cable, the optical head and the address; 'wattwerk meter read' tries it by hand once this process does not use the port. It is tried again at least once a minute.",
			Params: Params{"meter": m.Name, "address": m.Address, "error": m.Why},
		})
	}
	return out
}

func services(f *Facts) (out []Finding) {
	for _, s := range f.Services {
		what := fmt.Sprintf("%s cannot be carried out: %s", upper(s.Name), sentence(s.Why))
		x := Finding{
			Rule: "service-unavailable", Severity: Trouble, What: what,
			Why:    "Whoever asks for it gets no answer; work for a time that was named waits until its data are back.",
			Do:     "Repair what is missing first: " + list(s.Missing, s.More) + ". The page of availability ranks objects by what hangs on them.",
			Params: Params{"service": s.Name, "reason": s.Why, "missing": s.Missing, "more": s.More},
		}
		if !s.Since.IsZero() {
			x.Since = &s.Since
		}
		out = append(out, x)
	}
	return out
}

// list names some things, and says how many more there are.
func list(names []string, more int) string {
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func withoutModule(f *Facts) (out []Finding) {
	if len(f.Members) == 0 {
		return nil
	}
	waited := make(map[string]bool)
	for _, b := range f.Backlogs {
		waited[module(b.Reader)] = true
	}
	for _, m := range f.Members {
		for _, name := range m.Modules {
			delete(waited, name)
		}
	}
	for _, name := range sorted(waited) {
		out = append(out, Finding{
			Rule: "nobody-reads", Severity: Trouble, What: fmt.Sprintf("No process runs the module %s, and the bus keeps everything for it.", name),
			Why:    "Its partitions have no owner; what comes in goes no further, and the disk of the bus fills.",
			Do:     fmt.Sprintf("Start a process with it (wattwerk run --modules %s), or take it off bus.readers in every process.", name),
			Params: Params{"module": name},
		})
	}
	return out
}

// module is who reads under a name.
func module(reader string) string {
	name, _, _ := strings.Cut(reader, "-")
	return name
}

// began tells whether all who read have begun so lately that they cannot have
// noted anything: what is old is from before that.
func began(f *Facts, b Backlog) bool {
	reads := false
	for _, m := range f.Members {
		if !slices.Contains(m.Modules, module(b.Reader)) {
			continue
		}
		if reads = true; m.Since.IsZero() || f.At.Sub(m.Since) > b.Usual {
			return false
		}
	}
	return reads
}

func backlogs(f *Facts) (out []Finding) {
	stopped := make(map[string][]Backlog)
	for _, b := range f.Backlogs {
		if b.Messages > 0 && !b.Oldest.IsZero() && f.At.Sub(b.Oldest) > b.Usual && !began(f, b) {
			stopped[b.Reader] = append(stopped[b.Reader], b)
		}
	}
	for _, reader := range sorted(stopped) {
		all := stopped[reader]
		since, parts := all[0].Oldest, make([]string, len(all))
		for i, b := range all {
			parts[i] = fmt.Sprint(b.Partition)
			if b.Oldest.Before(since) {
				since = b.Oldest
			}
		}
		out = append(out, Finding{
			Rule: "reader-stopped", Severity: Trouble, Since: &since,
			What:   fmt.Sprintf("%s has noted nothing as safe for %s on %s %s.", upper(reader), span(f.At.Sub(since)), plural(len(parts), "partition", "partitions"), some(parts)),
			Why:    "It has stopped, or cannot write; the bus keeps everything since then.",
			Do:     "Look for it in the logs of the processes that run it; see WattwerkPartitionWithoutReader in docs/operating.md.",
			Params: few("partitions", parts, "reader", reader, "seconds", f.At.Sub(since).Seconds()),
		})
	}
	return out
}

func lags(f *Facts) (out []Finding) {
	behind := make(map[string][]Lag)
	for _, l := range f.Lags {
		if l.Age > lagBound {
			behind[l.Reader] = append(behind[l.Reader], l)
		}
	}
	for _, reader := range sorted(behind) {
		all := behind[reader]
		worst, messages := all[0], uint64(0)
		for _, l := range all {
			messages += l.Messages
			if l.Age > worst.Age {
				worst = l
			}
		}
		since, by := f.At.Add(-worst.Age), ""
		if worst.By != "" {
			by = ", read by " + worst.By
		}
		out = append(out, Finding{
			Rule: "reader-behind", Severity: Trouble, Since: &since,
			What:   fmt.Sprintf("%s is behind on %s: %d messages, the oldest on partition %d since %s%s.", upper(reader), count(len(all), "partition", "partitions"), messages, worst.Partition, span(worst.Age), by),
			Why:    "What it gives is that old. Nothing is lost.",
			Do:     "After a pause wait and ask again. If it grows: more processors or another instance for aggregate, a faster disk for history.",
			Params: Params{"reader": reader, "partitions": len(all), "messages": messages, "partition": worst.Partition, "seconds": worst.Age.Seconds(), "by": worst.By},
		})
	}
	return out
}

func ticks(f *Facts) (out []Finding) {
	for _, t := range f.Ticks {
		if t.Delay <= tickBound {
			continue
		}
		since := f.At.Add(-t.Delay)
		out = append(out, Finding{
			Rule: "ticks-delayed", Severity: Trouble, Since: &since, What: fmt.Sprintf("The newest sums of the hierarchy %s are %s old.", t.Hierarchy, span(t.Delay)),
			Why: "The page and all who ask for the present see that moment.", Do: "If no sensor of it sends, that is the reason; else see whether aggregate is behind.",
			Params: Params{"hierarchy": t.Hierarchy, "seconds": t.Delay.Seconds()},
		})
	}
	return out
}

func late(f *Facts) []Finding {
	if f.Late < 100 || f.Late*100 < f.Taken {
		return nil
	}
	return []Finding{{
		Rule: "late-readings", Severity: Risk, What: fmt.Sprintf("%d records have come after their tick was closed, since the process started.", f.Late),
		Why: "They are in the history and not in the sums.", Do: "Set the clocks of the meters, or aggregate.grace to as long as their gateway collects.",
		Params: Params{"records": f.Late},
	}}
}

func deadLetters(f *Facts) []Finding {
	d := f.DeadLetters
	if d == nil || d.LastHour < letterBound {
		return nil
	}
	n := fmt.Sprint(d.LastHour)
	if d.AtLeast {
		n += " or more"
	}
	since := d.First
	return []Finding{{
		Rule: "dead-letters", Severity: Trouble, Since: &since,
		What: fmt.Sprintf("%s readings or deliveries were refused in the last hour, %d of them from %s because: %s", n, d.Count, d.Source, sentence(d.Reason)),
		Why:  "They are in no history and in no sum.", Do: "Mend the cause at the sender; /api/v1/dead-letters shows what was offered. Then send it again.",
		Params: Params{"count": d.LastHour, "atLeast": d.AtLeast, "of": d.Count, "source": d.Source, "reason": d.Reason},
	}}
}

func sensors(f *Facts) (out []Finding) {
	var silent, never, ahead, silentIDs, aheadIDs []string
	for _, s := range f.Sensors {
		switch {
		case s.Last == nil:
			never = append(never, s.ID)
		case s.Last.Sub(f.At) > aheadBound:
			aheadIDs = append(aheadIDs, s.ID)
			ahead = append(ahead, fmt.Sprintf("%s by %s", s.ID, span(s.Last.Sub(f.At))))
		case s.MaxAge > 0 && f.At.Sub(*s.Last) > s.MaxAge:
			silentIDs = append(silentIDs, s.ID)
			silent = append(silent, fmt.Sprintf("%s since %s", s.ID, s.Last.UTC().Format(time.RFC3339)))
		}
	}
	if len(ahead) > 0 {
		out = append(out, Finding{
			Rule: "sensors-ahead", Severity: Risk, What: "The clocks of these sensors are ahead: " + some(ahead) + ".",
			Why: "Their readings stand at times that have not been, and what comes in the right order later may be refused.", Do: "Set the clocks of the meters or of their gateway.",
			Params: few("sensors", aheadIDs),
		})
	}
	if len(silent) > 0 {
		out = append(out, Finding{
			Rule: "sensors-silent", Severity: Trouble, What: fmt.Sprintf("%s silent for longer than they may be: %s.", plural(len(silent), "1 sensor is", fmt.Sprintf("%d sensors are", len(silent))), some(silent)),
			Why: "They have no value; the coverage of their groups says so.", Do: "Look at the meters, their gateway, and the token or certificate they send with.",
			Params: few("sensors", silentIDs, "count", len(silent)),
		})
	}
	if len(never) > 0 {
		out = append(out, Finding{
			Rule: "sensors-never", Severity: Risk, What: fmt.Sprintf("%s in the model and never sent a reading: %s.", plural(len(never), "1 sensor is", fmt.Sprintf("%d sensors are", len(never))), some(never)),
			Why: "Their groups are never whole.", Do: "Look for their names among the unassigned (/api/v1/unassigned): a letter may differ.",
			Params: few("sensors", never, "count", len(never)),
		})
	}
	return out
}

func versions(f *Facts) []Finding {
	by := make(map[string][]string)
	for _, m := range f.Members {
		by[m.Version] = append(by[m.Version], m.Name)
	}
	if len(by) < 2 {
		return nil
	}
	var parts, all []string
	for _, v := range sorted(by) {
		all = append(all, v)
		parts = append(parts, fmt.Sprintf("%s on %s", v, some(by[v])))
	}
	return []Finding{{
		Rule: "versions-mixed", Severity: Risk, What: "Different versions work side by side: " + strings.Join(parts, "; ") + ".",
		Why: "That is meant for the minutes of an upgrade.", Do: "End the upgrade: replace the program everywhere and start the processes anew.",
		Params: few("versions", all),
	}}
}
