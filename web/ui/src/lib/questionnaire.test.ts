import { describe, expect, it } from 'vitest'
import { emptyQuestionnaire, faultsOf, faultsSaid, numberOf, registrationOf, type Questionnaire } from './questionnaire'

const miller = (): Questionnaire => ({
  ...emptyQuestionnaire(), name: ' A. Miller ', email: 'a.miller@example.org', street: 'Main Street 1', city: 'Kiel', latitude: '54,32', longitude: '10.14',
  children: '0', adults: '2', employedAdults: '1', heatPump: 'no', battery: 'yes',
  pvs: [{ key: 7, name: 'roof', power: '9,86', azimuth: '170', tilt: '', installed: '2019-05-17' }],
  meters: [{ key: 3, model: 'MT175', name: '', serial: '', pv: '7' }, { key: 4, model: ' EASY', name: 'heat', serial: '1ISK', pv: '' }],
})

describe('the questionnaire', () => {
  it('reads numbers as people type them', () => {
    expect([numberOf(' 9,86 '), numberOf('-1.5'), numberOf(''), numberOf('12 kW'), numberOf('1.000,5')]).toEqual([9.86, -1.5, undefined, Number.NaN, Number.NaN])
  })
  it('sends what was answered, and nothing else', () => {
    expect(faultsOf(miller())).toEqual({})
    expect(registrationOf(miller())).toEqual({
      participant: { name: 'A. Miller', email: 'a.miller@example.org' }, address: { street: 'Main Street 1', city: 'Kiel', country: 'DE' }, location: { latitude: 54.32, longitude: 10.14 },
      metadata: { children: 0, adults: 2, employedAdults: 1, heatPump: false, battery: true },
      pvSystems: [{ name: 'roof', nominalPower: 9.86, azimuth: 170, installed: '2019-05-17' }],
      meters: [{ model: 'MT175', pvSystem: 'roof' }, { model: 'EASY', name: 'heat', serial: '1ISK' }], devices: ['edge'],
    })
  })
  it('sends no address of a country alone', () => {
    expect(registrationOf({ ...emptyQuestionnaire(), meters: [{ key: 1, model: 'DD3', name: '', serial: '', pv: '' }] })).toEqual({ participant: {}, address: {}, metadata: {}, pvSystems: [], meters: [{ model: 'DD3' }], devices: ['edge'] })
  })
  it('finds what is wrong', () => {
    const q = miller()
    expect(
      faultsOf({
        ...q, email: 'a.miller', country: 'Germany', latitude: '91', longitude: '', adults: 'two', employedAdults: '1.5',
        pvs: [...q.pvs, { key: 8, name: 'roof', power: '-1', azimuth: '361', tilt: 'steep', installed: '2019-02-30' }, { key: 9, name: ' ', power: '', azimuth: '', tilt: '', installed: '' }],
        meters: [{ key: 3, model: '', name: '', serial: '', pv: '' }], devices: [{ key: 1, name: '' }],
      }),
    ).toEqual({
      email: { is: 'email' }, country: { is: 'country' }, latitude: { is: 'range', least: -90, most: 90 }, longitude: { is: 'both' }, adults: { is: 'whole' }, employedAdults: { is: 'whole' },
      'pvs.8.name': { is: 'twice' }, 'pvs.8.power': { is: 'range', least: 0, most: 1000 }, 'pvs.8.azimuth': { is: 'range', least: 0, most: 360 }, 'pvs.8.tilt': { is: 'number' },
      'pvs.8.installed': { is: 'date' }, 'pvs.9.name': { is: 'needed' }, 'meters.3.model': { is: 'needed' }, 'devices.1.name': { is: 'needed' },
    })
    expect(faultsOf({ ...q, employedAdults: '3' })).toEqual({ employedAdults: { is: 'employed' } })
  })
  it('puts what the server says at the fields', () => {
    const said = 'register household: invalid: participant.email "x" is no address\nlocation is in none of the districts of Germany, so it could not be anonymised\nPV system 1: nominalPower is between 0 and 1000\nmeter 2: the model is missing, or something is too long\nsomething else'
    const { faults, rest } = faultsSaid(miller(), said)
    expect(Object.keys(faults)).toEqual(['email', 'latitude', 'pvs.7.power', 'meters.4.model'])
    expect(rest).toBe('something else')
  })
})
