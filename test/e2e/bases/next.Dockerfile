# A later version of the image, the same but for its number.
ARG BEFORE
FROM ${BEFORE}
COPY package.json /app/package.json
