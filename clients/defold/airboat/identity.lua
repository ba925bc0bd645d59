-- Who this is without signing up: a device, issued by the server and kept on this machine, and the token of the seat,
-- which lives as long as the game runs. A game that is started again gets its seat back by its device.

local identity = {}

local Identity = {}
Identity.__index = Identity

-- `profile`: another person on the same machine.
function identity.new(platform, host, profile)
  local file = ("device-%s-%s"):format(host, profile):gsub("[^%w%-%.]", "_")
  return setmetatable({ token = nil, _platform = platform, _file = file, _device = nil }, Identity)
end

function Identity:_saved()
  local saved = self._platform.load(self._file)
  if type(saved) ~= "table" or type(saved.id) ~= "string" or type(saved.secret) ~= "string" then return nil end
  return { saved.id, saved.secret }
end

-- The one this game has used already, else the saved one: another window may have got one meanwhile.
function Identity:device()
  self._device = self._device or self:_saved()
  return self._device
end

-- It may not be possible to save it; then it is forgotten with the game.
function Identity:set_device(pair)
  local old = self._device
  self._device = pair
  if pair then
    self._platform.save(self._file, { id = pair[1], secret = pair[2] })
    return
  end
  local saved = self:_saved()
  if saved and old and saved[1] == old[1] then self._platform.save(self._file, {}) end
end

return identity
