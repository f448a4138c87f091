package dataset

import "time"

// What stands in the files: a field is a column, its tags say what it means.

type householdLine struct {
	Household      string   `parquet:"household" doc:"Random identifier"`
	Consent        string   `parquet:"consent" doc:"granted; or revoked: then the household is anonymous, its place was drawn at random, and numbers of people are at most 4, which means 4 or more"`
	NUTS           *string  `parquet:"nuts,optional" doc:"District, NUTS-3; of an anonymised household that of the real place"`
	Latitude       *float64 `parquet:"latitude,optional" doc:"Of an anonymised household, drawn at random in a ring around the real place" unit:"degrees north, WGS 84"`
	Longitude      *float64 `parquet:"longitude,optional" doc:"As latitude" unit:"degrees east, WGS 84"`
	RingInner      *float64 `parquet:"ring_inner,optional" doc:"Inner radius of the ring" unit:"m"`
	RingOuter      *float64 `parquet:"ring_outer,optional" doc:"Outer radius of the ring" unit:"m"`
	RingPeople     *int64   `parquet:"ring_people,optional" doc:"About how many people live in the ring" unit:"people"`
	Children       *int64   `parquet:"children,optional" doc:"Who live in the household" unit:"people"`
	Adults         *int64   `parquet:"adults,optional" doc:"Who live in the household" unit:"people"`
	EmployedAdults *int64   `parquet:"employed_adults,optional" doc:"Of the adults" unit:"people"`
	Charger        *bool    `parquet:"charger,optional" doc:"There is a charger for an electric car" unit:"true or false"`
	HeatPump       *bool    `parquet:"heat_pump,optional" doc:"There is a heat pump" unit:"true or false"`
	Battery        *bool    `parquet:"battery,optional" doc:"There is a battery" unit:"true or false"`
}

type pvLine struct {
	PVSystem     string   `parquet:"pv_system" doc:"Random identifier"`
	Household    string   `parquet:"household" doc:"Whose it is"`
	NominalPower *float64 `parquet:"nominal_power,optional" doc:"Peak; of an anonymised household to the nearest whole number" unit:"kW"`
	Azimuth      *float64 `parquet:"azimuth,optional" doc:"From north to east; 180 is south" unit:"degrees"`
	Tilt         *float64 `parquet:"tilt,optional" doc:"From the horizontal" unit:"degrees"`
	Installed    *string  `parquet:"installed,optional" doc:"Date of the installation; of an anonymised household 1 January of the year" unit:"date"`
}

type meterLine struct {
	Meter     string  `parquet:"meter" doc:"Random identifier"`
	Household string  `parquet:"household" doc:"Whose it is"`
	Model     string  `parquet:"model" doc:"Model of the meter"`
	PVSystem  *string `parquet:"pv_system,optional" doc:"The PV system that hangs on it; empty: none"`
}

type measurementLine struct {
	Meter  string    `parquet:"meter,dict" doc:"Which meter"`
	Slot   time.Time `parquet:"slot,timestamp(millisecond)" doc:"Beginning of the quarter of an hour in which it was read" unit:"UTC, RFC 3339"`
	OBIS   string    `parquet:"obis,dict" doc:"OBIS code, hexadecimal: 0100010800ff is 1-0:1.8.0*255, imported energy; 0100020800ff exported energy; 0100100700ff power, positive when imported"`
	Raw    int64     `parquet:"raw,delta" doc:"Whole number that the meter sent"`
	Scaler int64     `parquet:"scaler" doc:"The value is raw times ten to this power"`
	Value  float64   `parquet:"value" doc:"raw times ten to the power of scaler" unit:"as unit"`
	Unit   string    `parquet:"unit,dict" doc:"Wh, W, varh, var, VAh, VA, V, A or Hz"`
	Status *int64    `parquet:"status,optional" doc:"Status word of the meter; empty: it sent none"`
}
