-- An error object whose fields cost for ever: nobody reads them.
-- expect: error

local function spin() while true do end end
return { tick = function() error(setmetatable({}, { __index = spin, __concat = spin, __eq = spin, __len = spin })) end }
