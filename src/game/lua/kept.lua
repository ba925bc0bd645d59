-- Phases in a checkpoint: what is on, who is ready, done or late, and who is host.

local _, _, run = ...
local rawset, type, tostring, pairs, ipairs, format, sort = rawset, type, tostring, pairs, ipairs, string.format, table.sort
local phases, players = run.phases, run.players

local kept = {}

local function listed(set)
  local list = {}
  for number in pairs(set) do list[#list + 1] = number end
  sort(list)
  return list
end

function kept.save()
  local hosts = run.parts.hosts
  local saved = { host = hosts and hosts.number, late = listed(phases.latecomers) }
  local now = phases.now
  if now then
    saved.name, saved.since, saved.ends = now.name, now.since, now.ends
    saved.done, saved.ready, saved.wanted = listed(phases.done), listed(phases.ready), phases.wanted
  end
  return saved
end

local function seated_set(list)
  local set = {}
  for _, number in ipairs(type(list) == "table" and list or {}) do
    if players[number] then set[number] = true end
  end
  return set
end

function kept.restore(saved)
  phases.latecomers = seated_set(saved.late)
  run.need("hosts").restore(saved.host)
  -- The version that was saved may have had some.
  local specs = phases.specs
  if not specs then
    if saved.name then rawset(run.room_values.state, "phase", nil) end
    return
  end
  if not specs[saved.name] then
    if saved.name then
      run.dropped("phase " .. tostring(saved.name), format("there is no game.phases.%s; the room goes to %s",
        tostring(saved.name), phases.first))
    end
    return phases.enter(phases.first)
  end
  phases.begin_phase(saved.name)
  local now = phases.now
  now.since, phases.done, phases.ready = saved.since or run.tick, seated_set(saved.done), seated_set(saved.ready)
  if now.ends then now.ends = saved.ends or now.ends end
  phases.wanted = specs[saved.wanted] and saved.wanted or nil
end

return kept
