package tariff

// Amount is an amount in millionths of the coherent unit of its quantity: of
// energy in µWh.
type Amount int64
