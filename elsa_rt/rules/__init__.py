"""Rules, regions and schedules as plain frozen data.

rule                `Rule`: prompts, exclusions, times and thresholds of one alert
region              `Region`: directions and distances; `RegionGate` weighs sounds by them
schedule            `Schedule`: times of the week
"""
