/** The quantities to choose from, the usual ones first. */
export const quantities = [
  'active_power', 'energy', 'reactive_power', 'apparent_power', 'reactive_energy', 'apparent_energy', 'voltage', 'current', 'frequency', 'power_factor', 'temperature',
  'humidity', 'volume', 'phase_angle', 'pressure', 'illuminance', 'irradiance', 'volume_flow', 'mass', 'mass_flow', 'speed', 'ratio', 'concentration', 'charge', 'duration', 'count',
]
