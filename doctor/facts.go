package doctor

import "time"

// Facts are what is known of an installation at one moment, seen from one
// process or, with Offline, from a data directory on which none runs.
type Facts struct {
	At          time.Time // by the clock of who collected them
	Offline     bool
	Settings    Settings
	Disk        *Disk
	Limits      *Limits
	Bus         *Bus
	Backlogs    []Backlog
	Lags        []Lag
	Members     []Member
	Shares      []Share
	Ticks       []Tick
	Late        uint64 // records that came after their tick was closed
	Taken       uint64 // records taken in meanwhile
	DeadLetters *DeadLetters
	Sensors     []Sensor
	Settled     *Settled
	Messages    []Messages
	Unanswered  []Unanswered
	Services    []Service
	Meters      []Meter
	Files       []File
	Format      *Format
}

// Settings are what the process was told.
type Settings struct {
	Error    string   // why they cannot be used; empty: they can
	Warnings []string // about what works and may not be meant
}

// Disk is the one the data directory is on, in bytes.
type Disk struct {
	Path                string
	Free, Size, MinFree int64
}

// Limits are what the system lets the process have. 0: no limit, or unknown.
type Limits struct {
	OpenFiles, MaxOpenFiles uint64
	Memory, MaxMemory       uint64 // bytes
}

// Bus is the backbone as the process sees it.
type Bus struct {
	Connected  bool
	External   bool
	Error      string        // why it could not be asked
	Full       bool          // refuses readings
	Sync       bool          // waits for the disk before it accepts; known of an embedded one only
	Replicas   int           // copies this process asks for
	Servers    int           // of the cluster, as far as they are known; 1: alone
	ClockAhead time.Duration // of this machine before the bus
	Reconnects uint64
	Streams    []Stream
}

// Stream is where one stream is kept. Leader is empty without a cluster.
type Stream struct {
	Name      string
	Clustered bool
	Leader    string
	Followers []Follower
}

// Follower is a copy of a stream.
type Follower struct {
	Name    string
	Offline bool
	Current bool
	Behind  uint64 // operations
}

// Backlog is what is on the bus behind the position a reader has noted as safe.
type Backlog struct {
	Reader    string
	Partition int
	Messages  uint64
	Oldest    time.Time     // when the first of them was stored
	Usual     time.Duration // how old that may be when all is well
}

// Lag is how far a reader is behind.
type Lag struct {
	By        string // the process it is in; empty: the one that is asked
	Reader    string
	Partition int
	Messages  uint64
	Age       time.Duration
}

// Member is a process of the installation.
type Member struct {
	Name, Version string
	Modules       []string
	Since         time.Time // when it began; zero: not known
}

// Tick is how old the newest sums of a hierarchy are. Silent: none of its
// sensors sends.
type Tick struct {
	Hierarchy string
	Delay     time.Duration
}

// DeadLetters are those of the last hour.
type DeadLetters struct {
	LastHour int
	AtLeast  bool // more were not looked at
	Reason   string
	Source   string
	Count    int // of those with this reason
	First    time.Time
}

// Sensor is a sensor of the model.
type Sensor struct {
	ID     string
	Last   *time.Time // of its newest reading; nil: none ever
	MaxAge time.Duration
}

// Unanswered is something the process needs and that did not answer.
type Unanswered struct {
	What  string // "the store of the history", "the database of users"
	Error string
}

// File is a file with secrets.
type File struct {
	Path string
	Mode uint32 // permissions
}

// Format is the mark of a data directory.
type Format struct {
	Is, Knows int
	Program   string
	Error     string

	Unfinished bool // a backup was not restored to its end
}

// Settled is how far the windows of energies are settled.
type Settled struct {
	Until time.Time     // up to when
	Usual time.Duration // how far behind the clock they are when all is well
	Marks int           // ranges that have to be settled again
}

// Service is an energy service that cannot be carried out, because something that it
// has does not work.
type Service struct {
	Name    string
	Why     string    // in a sentence
	Missing []string  // what does not work, the first few
	More    int       // how much more does not
	Since   time.Time // since when; zero: not known
}

// Meter is one that cannot be read.
type Meter struct {
	Name, Address string
	Why           string // in a sentence
	Since         time.Time
}

// Messages are those about alerts that wait for a sink.
type Messages struct {
	Sink    string
	Waiting int
	Oldest  time.Time // when it was written
	Error   string    // why it was not delivered; empty: it was not tried yet
}
