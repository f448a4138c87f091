package metric

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/update"
)

// mostAtOnce is how many are answered at a time.
const mostAtOnce = 2

// Handler answers with how a device does at that moment.
func Handler(status func() edge.Status) (http.Handler, error) {
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{told{status}, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("open metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: mostAtOnce}), nil
}

// told tells it.
type told struct{ status func() edge.Status }

// prefix is that of all names. They are listed in docs/measurement-device.md.
const prefix = "wattwerk_device_"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

var (
	info         = desc("info", "1; the version of the program.", "version")
	enrolled     = desc("enrolled", "Whether the device has a certificate.")
	measuring    = desc("measuring", "Whether the device may measure: there is a consent, its lease holds, the clock is right.")
	leaseEnds    = desc("lease_end_timestamp_seconds", "Until when the device may measure without asking again; absent without a consent.")
	certificate  = desc("certificate_end_timestamp_seconds", "When the certificate ends; absent before there is one.")
	offset       = desc("clock_offset_seconds", "By how much the clock of the device was ahead of that of the data service; absent before it was asked.")
	slots        = desc("slots_total", "Slots of meters that were measured.")
	measurements = desc("measurements_total", "Measurements that were made.")
	batches      = desc("batches_total", "Answers to batches: taken, refused for good, or to be sent again, as when nobody answered.", "result")
	answered     = desc("measurements_answered_total", "Measurements of batches that were answered: accepted, or refused for good.", "result")
	sent         = desc("sent_timestamp_seconds", "When the data service confirmed a batch last; absent before.")
	unwritten    = desc("slots_unwritten", "Slots that were measured and are not on the disk yet.")
	waiting      = desc("buffer_measurements", "Measurements that wait to be sent.")
	waitingIn    = desc("buffer_batches", "Batches in which they wait.")
	size         = desc("buffer_bytes", "Size of the files in which they wait.")
	age          = desc("buffer_age_seconds", "Age of the oldest slot that waits; 0 when none does.")
	dropped      = desc("buffer_dropped_total", "Measurements that a limit of size or age dropped unsent, since the buffer was made.")
	damaged      = desc("buffer_damaged_bytes", "Bytes of files of the buffer that were in no whole record when the program started.")
	failures     = desc("meter_errors_total", "How often a meter could not be read: it did not open, was silent, reading failed otherwise, or a frame was broken.", "meter", "kind")
	frames       = desc("meter_frames_total", "Whole frames of a meter, of kinds that count them.", "meter")
	heard        = desc("meter_reading_timestamp_seconds", "When a meter said something last; absent before.", "meter")
	incidents    = desc("incidents", "Incidents that are open, by type.", "type")
	asked        = desc("update_asked_timestamp_seconds", "When an answer about updates could be trusted last; absent before, and where no updates are taken.")
	release      = desc("update_release", "Number of the release that runs; 0: it was installed. Absent where no updates are taken.")
	trial        = desc("update_trial", "Whether the program that runs has not proven itself yet. Absent where no updates are taken.")
	fetched      = desc("update_fetched_bytes", "How much of the next program is here. Absent where no updates are taken.")
	failed       = desc("update_failures", "Updates that were refused or taken back and are remembered. Absent where no updates are taken.")
)

// Describe tells what is told.
func (t told) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		info, enrolled, measuring, leaseEnds, certificate, offset, slots, measurements, batches, answered, sent, unwritten, waiting, waitingIn, size, age, dropped, damaged,
		failures, frames, heard, incidents, asked, release, trial, fetched, failed,
	} {
		to <- d
	}
}

// Collect tells it.
func (t told) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	yes := func(d *prometheus.Desc, v bool) {
		if v {
			gauge(d, 1)
		} else {
			gauge(d, 0)
		}
	}
	moment := func(d *prometheus.Desc, unset bool, at int64, labels ...string) {
		if !unset {
			gauge(d, float64(at), labels...)
		}
	}
	s := t.status()
	gauge(info, 1, s.Version)
	yes(enrolled, s.Enrolled)
	yes(measuring, s.Sender.Measuring)
	moment(leaseEnds, s.Sender.Lease.Until.IsZero(), s.Sender.Lease.Until.Unix())
	moment(certificate, s.Ends.IsZero(), s.Ends.Unix())
	if s.Sender.Heard {
		gauge(offset, s.Sender.Skew)
	}
	count(slots, float64(s.Slots))
	count(measurements, float64(s.Measured))
	count(batches, float64(s.Sender.Batches.Taken), "taken")
	count(batches, float64(s.Sender.Batches.Refused), "refused")
	count(batches, float64(s.Sender.Batches.Again), "again")
	count(answered, float64(s.Sender.Confirmed), "accepted")
	count(answered, float64(s.Sender.Refused), "refused")
	moment(sent, s.Sender.Sent.IsZero(), s.Sender.Sent.Unix())
	gauge(unwritten, float64(s.Pending))
	gauge(waiting, float64(s.Buffer.Measurements))
	gauge(waitingIn, float64(s.Buffer.Batches))
	gauge(size, float64(s.Buffer.Bytes))
	if s.Buffer.Oldest.IsZero() {
		gauge(age, 0)
	} else {
		gauge(age, max(0, s.Now.Sub(s.Buffer.Oldest).Seconds()))
	}
	count(dropped, float64(s.Buffer.Dropped))
	gauge(damaged, float64(s.Buffer.Damaged))
	for i, m := range s.Meters {
		n := strconv.Itoa(i + 1)
		count(failures, float64(m.Errors.Open), n, "open")
		count(failures, float64(m.Errors.Silent), n, "silent")
		count(failures, float64(m.Errors.Read), n, "read")
		count(failures, float64(m.Errors.Frame), n, "frame")
		count(frames, float64(m.Frames), n)
		moment(heard, m.Last.IsZero(), m.Last.Unix(), n)
	}
	open := make(map[string]int)
	for _, x := range s.Sender.Incidents {
		open[string(x.Type)]++
	}
	for k, n := range open {
		gauge(incidents, float64(n), k)
	}
	if u, ok := s.Update.(update.Status); ok {
		moment(asked, u.Asked.IsZero(), u.Asked.Unix())
		gauge(release, float64(u.Sequence))
		yes(trial, u.Trial)
		gauge(fetched, float64(u.Fetched))
		gauge(failed, float64(len(u.Failures)))
	}
}
