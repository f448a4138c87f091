package phrase

// Sentences about alerts. Their params are Case of package alert/rule, and of the OpenAPI
// document.
const (
	AlertAbove       Code = "alert-above"        // a value is above a limit
	AlertBelow       Code = "alert-below"        // a value is below a limit
	AlertMissing     Code = "alert-missing"      // nothing is heard of a sensor or group
	AlertCoverage    Code = "alert-coverage"     // too few members of a group have a value
	AlertPowerFactor Code = "alert-power-factor" // the power factor is below a limit
	AlertDemand      Code = "alert-demand"       // the running window is going to be above a limit
	AlertBudget      Code = "alert-budget"       // more was used than was meant
	AlertDeviation   Code = "alert-deviation"    // it is not as usual at this hour of the week
	AlertExternal    Code = "alert-external"     // another program says so
	AlertTest        Code = "alert-test"         // somebody tries whether messages arrive
)

// Reasons of dead letters. What is "more" in the params is how many others like
// it the letter stands for.
const (
	IdentifierEmpty Code = "identifier-empty" // kind
	IdentifierLong  Code = "identifier-long"  // kind, id (its beginning), bytes, most
	IdentifierOdd   Code = "identifier-odd"   // kind, id

	ValueNotFinite Code = "value-not-finite" // value
	ValueTooLarge  Code = "value-too-large"  // value
	TimeBounds     Code = "time-out-of-bounds"
	TimeAhead      Code = "time-ahead"      // time, seconds, most (seconds)
	TimeUnreadable Code = "time-unreadable" // text
	UnitUnknown    Code = "unit-unknown"    // unit
	UnitOther      Code = "unit-other"      // unit, measures (a quantity), is (the sensor's)
	SensorVirtual  Code = "sensor-virtual"  // sensor
	SignContrary   Code = "sign-contrary"   // the sign contradicts the meter's own counters

	NotJSON        Code = "not-json"         // error
	MessageEmpty   Code = "message-empty"    //
	MessageLong    Code = "message-long"     // bytes, most
	MessageForeign Code = "message-foreign"  // of (what it should be a message of), error
	MessageLacks   Code = "message-lacks"    // part
	NameLacks      Code = "name-lacks"       // part, template
	NotANumber     Code = "not-a-number"     // text
	RowTorn        Code = "row-torn"         // row, has, columns
	LineUnreadable Code = "line-unreadable"  // line (its beginning), error
	PrecisionOdd   Code = "precision-odd"    // precision
	BytesMalformed Code = "bytes-malformed"  // error
	OnlyBeginning  Code = "only-a-beginning" // it cannot be tried again
	Others         Code = "others-refused"   // count: so many more of the delivery were refused, the last because of "last" (a code) with the params beside it; faults: after so many nothing more was looked at

	Contradiction Code = "contradiction"     // time, offered, stored
	TooOld        Code = "too-old"           // far behind the newest record
	TooNew        Code = "too-new"           // far in the future
	Expired       Code = "expired"           // older than what is kept
	ManifestLost  Code = "manifest-refused"  // manifest, processor, sink, reason: the last three where they are known
	SourceOdd     Code = "source-unreadable" // source, reason
)

// Problems that the page meets, where the status does not say enough: the type of
// the problem is urn:wattwerk:problem: and the code. They have no params.
const (
	SignInRefused Code = "sign-in-refused"    // the name or the password is wrong
	LinkOver      Code = "link-over"          // a link to sign in was used or has expired
	ManyAttempts  Code = "too-many-attempts"  // to sign in
	PasswordsOff  Code = "passwords-off"      // people sign in at the provider
	ForeignPage   Code = "foreign-page"       // another web site's page asked
	LastAdmin     Code = "last-administrator" // has to stay one
	DatabaseAway  Code = "database-away"      // try again
	BusFull       Code = "bus-full"           // the disk is nearly full
	BusAway       Code = "bus-away"           // try again
	ModuleAway    Code = "module-away"        // no process that runs the module can be reached
	ModuleSlow    Code = "module-slow"        // it did not answer in time; it may have done it
	ModuleBroke   Code = "module-broke"       // the connection broke; it may have done it
	BackupRunning Code = "backup-running"     // one at a time
	PeriodOpen    Code = "period-open"        // not all of it is settled
	ProgramFault  Code = "program-fault"      // its log says more
)
