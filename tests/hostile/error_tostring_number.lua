-- The error's text is no text.
-- expect: error

return { tick = function() error(setmetatable({}, { __tostring = function() return {} end })) end }
