-- The error's text is an error.
-- expect: error

return { tick = function() error(setmetatable({}, { __tostring = function() error "again" end })) end }
