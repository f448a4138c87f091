import { useLingui } from '@lingui/react/macro'

/** What the quantities are called. */
export function useQuantityNames(): Partial<Record<string, string>> {
  const { t } = useLingui()
  return {
    active_power: t`Active power`, reactive_power: t`Reactive power`, apparent_power: t`Apparent power`, energy: t`Energy`, reactive_energy: t`Reactive energy`,
    apparent_energy: t`Apparent energy`, voltage: t`Voltage`, current: t`Current`, frequency: t`Frequency`, power_factor: t`Power factor`, phase_angle: t`Phase angle`,
    temperature: t`Temperature`, humidity: t`Humidity`, volume: t`Volume`, pressure: t`Pressure`, illuminance: t`Illuminance`, irradiance: t`Irradiance`, volume_flow: t`Volume flow`,
    mass: t`Mass`, mass_flow: t`Mass flow`, speed: t`Speed`, ratio: t`Ratio`, concentration: t`Concentration`, charge: t`Electric charge`, duration: t`Duration`, count: t`Count`,
  }
}
