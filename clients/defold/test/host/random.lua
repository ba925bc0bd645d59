-- Seeded random numbers, the same in both interpreters: what a test draws must be drawn again from the printed seed.

local Random = {}
Random.__index = Random

local function new(seed)
  return setmetatable({ state = seed % 2147483647 }, Random)
end

-- Park and Miller's generator: every product stays below 2^53, so doubles carry it exactly.
function Random:next()
  self.state = (self.state * 48271) % 2147483647
  if self.state == 0 then self.state = 1 end
  return self.state / 2147483647
end

function Random:between(low, high)
  return low + self:next() * (high - low)
end

return { new = new }
